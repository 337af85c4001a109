using DimIlgpu.Autograd;
using DimIlgpu.Kernels;

namespace DimIlgpu.Model;

/// <summary>How parameters get their first values.</summary>
internal static class Initialization
{
    extension(Parameter parameter)
    {
        /// <summary>Writes a value into every element, row after row.</summary>
        public void Fill(Func<float> next)
        {
            float[] values = new float[parameter.Shape.Length];
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = next();
            }

            parameter.Value.Upload(values);
        }

        /// <summary>Uniform in ±√(6 / (inputs + outputs)): Glorot and Bengio 2010.</summary>
        /// <param name="random">Where the values come from.</param>
        /// <param name="batch">Number of weights stacked by rows.</param>
        public void FillXavier(RandomSequence random, int batch = 1)
        {
            float bound = MathF.Sqrt(6f / ((parameter.Shape.Rows / batch) + parameter.Shape.Columns));
            parameter.Fill(() => random.Uniform(bound));
        }
    }

    extension(RandomSequence random)
    {
        /// <summary>Uniform in ±<paramref name="bound"/>.</summary>
        public float Uniform(float bound) => (float)(((2 * random.NextDouble()) - 1) * bound);
    }
}
